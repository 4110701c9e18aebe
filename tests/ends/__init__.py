"""How client runs end because somebody wants it, go on after their end, and prove what they were answered."""
