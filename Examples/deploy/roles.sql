-- SPDX-License-Identifier: Apache-2.0
-- Part of swift-event-bus.
--
-- A role and a schema for each service, in the database that psql is connected to. A service migrates its own schema, so it owns that and
-- may create nothing anywhere else. The operator may read the outboxes, after operator.sql. No role has a password: pg_hba.conf lets them
-- in by their certificates.

REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

CREATE ROLE "user-service" LOGIN;
CREATE ROLE "payment-service" LOGIN;
CREATE ROLE "operator" LOGIN;
GRANT CONNECT ON DATABASE :"DBNAME" TO "user-service", "payment-service", "operator";

CREATE SCHEMA users AUTHORIZATION "user-service";
CREATE SCHEMA payments AUTHORIZATION "payment-service";
GRANT USAGE ON SCHEMA users, payments TO "operator";
