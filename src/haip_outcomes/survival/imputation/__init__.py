"""Missing values: filled many times by chained equations, and the analyses of them pooled by Rubin's rules."""
