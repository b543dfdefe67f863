import { randomUUID } from 'node:crypto';
import type { KinesisClient } from '../../lib/aws/kinesis-client.ts';
import { streamExists } from '../../lib/aws/kinesis-stream.ts';
import { openOrigin } from '../../lib/aws/origin.ts';
import { openPublicOrigin } from '../../lib/aws/public-origin.ts';
import { openPushOnUse } from '../../lib/aws/push/open-push-on-use.ts';
import type { PushProviders } from '../../lib/common/push-providers.ts';
import type { DatabaseUse } from '../../lib/database/connections.ts';
import type { Database } from '../../lib/database/database.ts';
import type { OriginRates } from '../../lib/move/origin-rates.ts';
import type { OriginSettings } from '../../lib/move/read-origin-settings.ts';
import type { ActivityFeed } from '../../lib/query/activity-feed.ts';
import type { Offloading } from '../../lib/sync/build-stream-event.ts';
import { createPayloadLinks } from '../../lib/sync/payload-links.ts';
import { createPayloadStore } from '../../lib/sync/store/payload-store.ts';
import { createPushStore } from '../../lib/sync/store/push-store.ts';
import { createPayloadApi } from '../../lib/wire/payload-api.ts';
import { createService, type Service, type ServiceDeps } from '../../lib/wire/service/create-service.ts';
import { createFailureLogger } from '../../lib/wire/service/failure-logger.ts';
import { observeRequests, type RequestObserver } from '../../lib/wire/service/observe-requests.ts';
import { openMigration } from '../../lib/wire/service/open-migration.ts';
import type { SigV4Verifier } from '../../lib/wire/sigv4.ts';
import { watchPush } from './activity/watch-push.ts';
import { createPayloadRoute, createServiceRoute } from './http/aws-routes.ts';
import type { Route } from './http/http-server.ts';
import { createPushRoute } from './http/push-route.ts';
import { ACCOUNT_ID } from './names.ts';
import type { ProjectionBacklog } from './projection-backlog.ts';
import { createPushInbox } from './push-inbox.ts';
import { type ServiceSchedules, startServiceSchedules } from './schedules/service-schedules.ts';

export interface LocalServiceDeps
  extends Pick<
    ServiceDeps,
    | 'developers'
    | 'tokenKeys'
    | 'rateLimits'
    | 'region'
    | 'invokeFunction'
    | 'limits'
    | 'verifyLogin'
    | 'watchCall'
  > {
  uses: Readonly<Record<DatabaseUse, Database>>;
  /** Counts the requests of the service's APIs. */
  observer: RequestObserver;
  /** The activity feed, to which each sent push message is reported. */
  feed: ActivityFeed;
  /** The providers that send push messages. Messages of other push applications go to the inbox (GET /push). */
  pushProviders: PushProviders;
  /** Reads the address and the credentials of a migration's origin. */
  readOrigin: (identityPoolId: string) => OriginSettings;
  originRates: OriginRates;
  /** Returns the origin of the port that serves `routes`. Called only after the port is listening. */
  origin: () => string;
}

export interface LocalService {
  /** Routes of the service's APIs, of the payloads of its events, and of the messages to devices. */
  routes: Route[];
  /** Verifies signatures of the service's callers. */
  verify: SigV4Verifier;
  /**
   * Starts the scheduled functions of the service, for example the relay that publishes events to the stream. The
   * stream must exist.
   */
  startSchedules(client: KinesisClient, backlog: ProjectionBacklog): ServiceSchedules;
  /** How the service offloads large events. */
  offloading: Offloading;
  /** Notifies the devices that subscribe to a dataset of a change that no device made. Never throws. */
  notifyDevices: Service['notifyDevices'];
  /** Deletes the stored messages to devices. */
  emptyInbox(): void;
  /** Closes the connections to the origins of migrations and to push services. */
  close(): void;
}

/** Creates the service with the adapters of the local cloud, and its scheduled functions. */
export function createLocalService({
  uses,
  feed,
  origin,
  readOrigin,
  originRates,
  observer,
  pushProviders,
  ...deps
}: LocalServiceDeps): LocalService {
  const { tokenKeys, region, limits } = deps;
  let schedules: ServiceSchedules | undefined;
  let kinesis: KinesisClient | undefined;
  const links = createPayloadLinks({ keys: tokenKeys, origin, now: Date.now, randomId: randomUUID });
  const offloading = { links, inlineBytes: limits.inlineBytes };
  const inbox = createPushInbox({ randomId: randomUUID });
  const push = openPushOnUse(pushProviders, inbox);
  const migration = openMigration({
    databases: uses,
    readOrigin,
    originRates,
    openOrigin,
    openPublicOrigin,
    offloading,
    limits,
  });
  const service = createService({
    ...deps,
    ownership: migration.ownership,
    originLogins: migration.originLogins,
    databases: uses,
    accountId: ACCOUNT_ID,
    payloadLinks: links,
    pushChannel: watchPush(feed, push),
    // The inbox responds immediately; a provider may take seconds.
    pushInBackground: pushProviders.size > 0,
    afterWrite: () => schedules?.relay.nudge(),
    afterBulkPublish: () => schedules?.bulkPublish.nudge(),
    async streamExists(streamName) {
      if (kinesis === undefined) throw new Error('the local cloud is still starting');
      return streamExists(kinesis, streamName);
    },
    createLogger: createFailureLogger,
  });
  return {
    routes: [
      createServiceRoute(observeRequests(service.findApi, observer)),
      createPayloadRoute(createPayloadApi({ links, payloads: createPayloadStore(uses.reads) })),
      createPushRoute({ inbox, devices: createPushStore(uses.reads) }),
    ],
    verify: service.verify,
    notifyDevices: service.notifyDevices,
    startSchedules(client, backlog) {
      kinesis = client;
      schedules = startServiceSchedules({
        ...service,
        uses,
        client,
        links,
        offloading,
        region,
        backlog,
      });
      return schedules;
    },
    offloading,
    emptyInbox: () => inbox.clear(),
    close() {
      push.close();
      migration.close();
    },
  };
}
