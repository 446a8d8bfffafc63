//! The golden cases of every dialect, embedded, and what plays them: to any server, or to a client.
