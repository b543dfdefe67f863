-- The identities of the self-hosted service, with the names of their login providers separated by spaces, but without the
-- ids of the users. merged_into: the identity to which the datasets of a merged identity belong; otherwise NULL.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

CREATE OR REPLACE VIEW query.identities AS
SELECT
  identities.identity_pool_id,
  identities.identity_id,
  to_timestamp(identities.created_ms / 1000) + (identities.created_ms % 1000) * interval '1 millisecond' AS created_at,
  coalesce((
    SELECT string_agg(provider, ' ' ORDER BY provider)
    FROM (SELECT DISTINCT provider FROM identity.logins WHERE logins.identity_id = identities.identity_id) AS linked
  ), '') AS providers,
  identities.merged_into
FROM identity.identities;

GRANT SELECT ON query.identities TO query_reader;
