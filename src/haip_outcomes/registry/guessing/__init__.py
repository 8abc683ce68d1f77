"""What a file that nobody has described seems to hold: kinds, codes, standard items and endpoints, each as a guess."""
