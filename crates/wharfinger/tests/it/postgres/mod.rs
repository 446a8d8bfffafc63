//! What is asked of PostgreSQL only: faults of the database, and many servers on one.

mod cluster;
