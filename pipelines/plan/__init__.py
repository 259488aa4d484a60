"""What a build will give and cost, told before it runs, from a keyed sample of its sources that runs through the real steps."""
