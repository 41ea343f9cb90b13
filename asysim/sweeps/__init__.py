"""Many runs: which ones, by whom they are made, and one table of what came of them."""
