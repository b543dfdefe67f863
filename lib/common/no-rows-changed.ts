/**
 * Why the projection of an event in quarantine changed 0 rows, and what the operator can do. The event now counts as
 * projected, so only the command `quarantine edit` can edit it again.
 */
export const NO_ROWS_CHANGED =
  'the rows in the query store are at least as new as the event; to replace them, raise lastModifiedDate and syncCount in the payload with `quarantine edit`';
