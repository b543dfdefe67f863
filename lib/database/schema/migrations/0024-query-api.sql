-- The identities of the self-hosted service, with the names of their login providers separated by spaces, but without the
-- ids of the users. The view omits merged identities: their datasets belong to the identity into which they were merged.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

CREATE OR REPLACE VIEW query.identities AS
SELECT
  identities.identity_pool_id,
  identities.identity_id,
  to_timestamp(identities.created_ms / 1000) + (identities.created_ms % 1000) * interval '1 millisecond' AS created_at,
  coalesce((
    SELECT string_agg(provider, ' ' ORDER BY provider)
    FROM (SELECT DISTINCT provider FROM identity.logins WHERE logins.identity_id = identities.identity_id) AS linked
  ), '') AS providers
FROM identity.identities
WHERE identities.merged_into IS NULL;

GRANT SELECT ON query.identities TO query_reader;
