"""Statistics, tables, figures and the page: tidy data frames in, files out. Never imports torch."""
