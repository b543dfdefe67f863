import { SetupError } from '../../../lib/common/errors.ts';
import { STREAM_NAME } from '../../../lib/common/stream-name.ts';
import { FUNCTION_ARN_PATTERN, isFunctionArn } from '../../../lib/sync/function-arn.ts';
import { checkMember, readOptions, readPool } from '../arguments.ts';
import { type ProcessCommand, UsageError } from '../command.ts';
import { changeSettings } from './connection/change-settings.ts';
import { type Connection, planConnection } from './connection/plan-connection.ts';

/** Turns on the stream of an existing identity pool and sets its sync trigger. */
export const connect: ProcessCommand = {
  prepare(args) {
    const values = readOptions('connect', args, {
      pool: { type: 'string' },
      stream: { type: 'string' },
      role: { type: 'string' },
      trigger: { type: 'string' },
      yes: { type: 'boolean', default: false },
    });
    const identityPoolId = readPool('connect', values.pool);
    const wanted = readConnection(values);
    const { yes, json: asJson } = values;
    return (deps) =>
      changeSettings(deps, {
        identityPoolId,
        isAsked: !yes,
        asJson,
        plan: (is) => {
          const plan = planConnection(is, wanted, STREAM_NAME);
          const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_COGNITO_SYNC } = deps.env;
          const isAmazons = !AWS_ENDPOINT_URL && !AWS_ENDPOINT_URL_COGNITO_SYNC;
          if (plan.streaming && plan.streaming.roleArn === null && isAmazons) {
            throw new SetupError(
              `${identityPoolId} has no role for writing to the stream; pass --role with a role that cognito-sync.amazonaws.com can assume and that allows kinesis:PutRecord`,
            );
          }
          return plan;
        },
      });
  },
};

function readConnection({
  stream,
  role,
  trigger,
}: {
  stream?: string;
  role?: string;
  trigger?: string;
}): Connection {
  if (stream?.startsWith('arn:')) {
    throw new UsageError(
      '--stream takes the name of a stream, not an ARN; the stream must be in the region and account of the pool',
    );
  }
  if (stream !== undefined) checkMember('StreamName', stream);
  if (role !== undefined) checkMember('RoleArn', role);
  if (trigger !== undefined && !isFunctionArn(trigger)) {
    throw new UsageError(`${trigger} is not the ARN of a function: it must match ${FUNCTION_ARN_PATTERN}`);
  }
  return { streamName: stream ?? null, roleArn: role ?? null, syncTrigger: trigger ?? null };
}
