/**
 * The name of the database sessions of a service on one machine, in the column `application_name` of
 * `pg_stat_activity`. The sessions of commands have another name.
 */
export const SERVICE_SESSION = 'cognito-sync-backend service';
