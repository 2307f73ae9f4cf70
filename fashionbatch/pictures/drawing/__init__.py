"""What every picture is drawn with: style, fonts, words that fit, tiles, files."""
