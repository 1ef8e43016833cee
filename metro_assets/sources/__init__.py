"""Where master data and events come from: one interface; the synthetic world, or a company's own files."""
