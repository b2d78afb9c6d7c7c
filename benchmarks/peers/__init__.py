"""What a user would write instead of Dabyl, to measure against."""
