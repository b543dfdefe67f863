import { Logger } from '@aws-lambda-powertools/logger';

/** The structured logger of a function. Takes its level from POWERTOOLS_LOG_LEVEL. Logs ids and counts, never values. */
export function createLogger(functionName: string): Logger {
  return new Logger({ serviceName: `cognito-sync-backend/${functionName}` });
}
