"""A bundle -> the same bundle with a graph of 8 bits, which was judged against float32."""
