-- How the tables are spread over the nodes of Citus. Run it once with psql, on the coordinator, in a database in which a server
-- has just made its tables and nothing else:
--
--     psql --set ON_ERROR_STOP=1 --single-transaction --dbname orders --file citus.sql
--
-- The rule: what is of an organisation is with that organisation, what is of an API key is with that key, and what all need is
-- everywhere.

create extension if not exists citus;

-- By organisation. All of one organisation is on one node.
select create_distributed_table('counters', 'organisation', colocate_with => 'none');
select create_distributed_table('blocks', 'organisation', colocate_with => 'counters');
select create_distributed_table('order_leaves', 'organisation', colocate_with => 'counters');
select create_distributed_table('fulfilments', 'organisation', colocate_with => 'counters');
select create_distributed_table('open_orders', 'organisation', colocate_with => 'counters');
select create_distributed_table('email_runs', 'organisation', colocate_with => 'counters');
select create_distributed_table('email_parts', 'organisation', colocate_with => 'counters');
select create_distributed_table('purges', 'organisation', colocate_with => 'counters');
select create_distributed_table('erasures', 'organisation', colocate_with => 'counters');
select create_distributed_table('tallies', 'organisation', colocate_with => 'counters');
select create_distributed_table('rejections', 'organisation', colocate_with => 'counters');
select create_distributed_table('products', 'organisation', colocate_with => 'counters');
select create_distributed_table('stock', 'organisation', colocate_with => 'counters');
select create_distributed_table('stock_ledger', 'organisation', colocate_with => 'counters');
select create_distributed_table('customers', 'organisation', colocate_with => 'counters');
select create_distributed_table('customer_numbers', 'organisation', colocate_with => 'counters');
select create_distributed_table('admissions', 'organisation', colocate_with => 'counters');

-- By API key: a receipt is of all the organisations that its batch has orders of.
select create_distributed_table('batches', 'key_id', colocate_with => 'none');
select create_distributed_table('imports', 'key_id', colocate_with => 'batches');
select create_distributed_table('answers', 'key_id', colocate_with => 'batches');
-- `who` is a key, or the command line.
select create_distributed_table('audit', 'who', colocate_with => 'batches');

-- The same on every node: small, and seldom changed.
select create_reference_table('organisations');
select create_reference_table('keys');
select create_reference_table('dialects');
select create_reference_table('settings');
select create_reference_table('epochs');

-- What statements call that are sent on to the workers.
select create_distributed_function('damaged(boolean)');
select create_distributed_function('sound(boolean)');

-- On the coordinator alone: schema_versions, and copying, where a copy notes how far it is.

-- A server sets these for its own sessions, which does not reach the workers' sessions. Plans must not depend on how many rows
-- there were when they were made.
select run_command_on_workers(format('alter database %I set enable_seqscan = off', current_database()));
select run_command_on_workers(format('alter database %I set enable_hashjoin = off', current_database()));
select run_command_on_workers(format('alter database %I set enable_mergejoin = off', current_database()));
select run_command_on_workers(format('alter database %I set plan_cache_mode = force_generic_plan', current_database()));
select run_command_on_workers(format('alter database %I set jit = off', current_database()));
