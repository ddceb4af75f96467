"""SQLite, and only here: the database, its migrations, and one store per noun."""
