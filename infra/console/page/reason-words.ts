const EXPLANATIONS: Readonly<Record<string, string>> = {
  'not-json': 'The data on the stream is not JSON in UTF-8. Another producer may write to this stream.',
  'not-a-cognito-event':
    'The data is JSON, but not a Cognito stream event. The reason names the invalid member. Correct the member and project the event again, or dismiss the event.',
  'unstorable-text':
    'The event contains a NUL character or half of a surrogate pair, which SQL text cannot store. Remove this character and project the event again.',
  'date-in-the-future':
    'The lastModifiedDate is more than 24 hours after the arrival of the event. Its records would block later writes of the same keys. Correct the date.',
  'kpl-aggregated':
    'A Kinesis Producer Library combined several records into one. Cognito never does this, so another producer writes to this stream.',
  'offloaded-payload':
    'The event refers to records at a URL, and the records cannot be fetched. If the URL has expired, run reconcile for the pool and dismiss the event.',
  'value-refused': 'The database rejected a value. The reason contains its error code.',
};

/** Explains why an event is in quarantine, and what the operator can do. */
export function explainReason(reason: string): string {
  const [kind = ''] = reason.split(':');
  return EXPLANATIONS[kind] ?? 'The event could not be projected.';
}
