"""What is in a label table: rows by status, label and folder, how sure the labels are, and what made the table."""
