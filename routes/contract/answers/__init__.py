"""What the API answers, as models. In production nothing is read with them: the tests check every answer."""
