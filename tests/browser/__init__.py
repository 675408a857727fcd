"""The page in a real browser, driven headless; needs Chromium, see CONTRIBUTING.md."""
