"""Files in archives, tar and zip, read where they lie: nothing is unpacked into files of its own."""
