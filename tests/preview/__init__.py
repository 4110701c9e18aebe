"""What a preview says is what a kickoff does."""
