"""Tables of words, and the files they become."""
