"""The parts of the retention page: what is kept and held, what people ask for, and what others decide of it."""
