"""What people see: terminal, HTML and Markdown, each a pure function of the report's JSON and a language."""
