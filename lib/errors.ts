/**
 * A mistake in how the program was set up or called: an environment value, a port in use, a database
 * that does not answer. Its message is one line that says what is wrong and what to do about it; entry
 * points print that line alone and exit with code 1.
 */
export class SetupError extends Error {
  override name = 'SetupError';
}

/**
 * The database can never take one of the values it was given: out of range, not representable, too large.
 * Trying again cannot help. The message does not quote the value.
 */
export class ValueRefusedError extends Error {
  override name = 'ValueRefusedError';
}
