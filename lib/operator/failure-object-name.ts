/** `2026-01-01T00.00.00-` and a random UUID: the last part of the names that Lambda gives. */
const GIVEN_BY_LAMBDA = /(?:^|\/)((\d{4}-\d\d-\d\d)T(\d\d)\.(\d\d)\.(\d\d)-[0-9a-f-]{36})$/i;

/**
 * The name by which an object of a failure destination is known wherever it lies, in its bucket or copied to a
 * directory. Source: AWS Lambda Developer Guide, "Retain discarded batch records for a Kinesis Data Streams event source
 * in Lambda": `aws/lambda/<ESM-UUID>/<shardID>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<Random UUID>`.
 *
 * @param name key or path; where it is none of Lambda's, it is taken whole
 */
export function failureObjectName(name: string): string {
  return GIVEN_BY_LAMBDA.exec(name)?.[1] ?? name;
}

/** When Lambda gave the records up, epoch milliseconds; null where the name does not tell. */
export function givenUpAt(name: string): number | null {
  const [, , day, hour, minute, second] = GIVEN_BY_LAMBDA.exec(name) ?? [];
  const at = Date.parse(`${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(at) ? null : at;
}
