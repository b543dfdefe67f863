import type { IdentityKey } from '../../common/dataset-key.ts';

/**
 * The calls that delete an identity at a service whose tables are not in this database: Amazon's, or a self-hosted
 * service with another database. Every method throws {SyncClientError}.
 */
export interface IdentityDeletion {
  /** Counts the identity's datasets. A deleted identity has none. */
  countDatasets(identity: IdentityKey): Promise<number>;
  /** Deletes the identity with its datasets and logins. An identity that does not exist counts as deleted. */
  deleteIdentity(identity: IdentityKey): Promise<void>;
}
