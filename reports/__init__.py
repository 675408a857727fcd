"""Statistics, tables, figures and the page: tidy data frames in, files out. Never imports torch.

`reports.build.write(folder, settings)` is the only entry point that the workflow needs.
"""
