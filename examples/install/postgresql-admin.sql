-- The administrator the provider logs in as. No superuser is needed.
-- Run with psql, for example: psql -v password="'…'" -f postgresql-admin.sql
CREATE ROLE tenancy_admin LOGIN CREATEROLE CREATEDB PASSWORD :password;
-- Deleting a claim drops its database and ends the sessions in it, whoever has opened them.
GRANT pg_signal_backend TO tenancy_admin;
