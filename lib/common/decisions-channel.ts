/**
 * Name of the diagnostics channel on which the sync trigger publishes how often each rule made which decision. In AWS,
 * nothing subscribes; the local cloud counts the decisions for `/metrics`.
 */
export const DECISIONS_CHANNEL = 'cognito-sync-backend:decisions';
