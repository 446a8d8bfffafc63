-- Distributes the tables over the nodes of Citus. Run it once with psql, on the coordinator, in a database in which a server has
-- just created its tables and which has no other data:
--
--     psql --set ON_ERROR_STOP=1 --single-transaction --dbname orders --file citus.sql
--
-- Tables with an organisation are distributed by organisation, tables with an API key are distributed by key, and tables that
-- every node needs are on every node.

create extension if not exists citus;

-- By organisation: all data of an organisation is on one node.
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

-- By API key: a receipt covers all the organisations that its batch has orders of.
select create_distributed_table('batches', 'key_id', colocate_with => 'none');
select create_distributed_table('imports', 'key_id', colocate_with => 'batches');
select create_distributed_table('answers', 'key_id', colocate_with => 'batches');
-- `who` is a key or the command line.
select create_distributed_table('audit', 'who', colocate_with => 'batches');

-- On every node: small tables that rarely change.
select create_reference_table('organisations');
select create_reference_table('keys');
select create_reference_table('dialects');
select create_reference_table('settings');
select create_reference_table('epochs');

-- Functions in statements that are sent to the workers.
select create_distributed_function('damaged(boolean)');
select create_distributed_function('sound(boolean)');

-- Only on the coordinator: schema_versions, and copying, which records the progress of a copy.

-- A server sets these for its own sessions, but not for the workers' sessions. Plans must not depend on the number of rows at
-- the time of planning.
select run_command_on_workers(format('alter database %I set enable_seqscan = off', current_database()));
select run_command_on_workers(format('alter database %I set enable_hashjoin = off', current_database()));
select run_command_on_workers(format('alter database %I set enable_mergejoin = off', current_database()));
select run_command_on_workers(format('alter database %I set plan_cache_mode = force_generic_plan', current_database()));
select run_command_on_workers(format('alter database %I set jit = off', current_database()));
