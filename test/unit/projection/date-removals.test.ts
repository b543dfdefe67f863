import { expect, it } from 'vitest';
import { dateRemovals } from '../../../lib/projection/date-removals.ts';
import type { ReadableDelivery } from '../../../lib/projection/delivery.ts';
import { datasetKeyText } from '../../../lib/projection/fold-events.ts';

const DATASET = { identityPoolId: 'us-east-1:1', identityId: 'us-east-1:2', datasetName: 'game' };

it('dateRemovals gives a removal without a version the date of the known version and the next sync count, or its arrival time and 0', () => {
  const removal: ReadableDelivery = {
    kind: 'readable',
    event: { kind: 'removal', dataset: DATASET, lastModifiedDate: null, syncCount: null },
    position: { streamName: 's', shardId: '0', sequenceNumber: '1', arrivedAt: 90 },
    data: new Uint8Array(),
  };
  const stored = new Map([[datasetKeyText(DATASET), { lastModifiedDate: 50, syncCount: 7 }]]);
  expect(dateRemovals([removal], stored)).toMatchObject([
    { version: { lastModifiedDate: 50, syncCount: 8 } },
  ]);
  expect(dateRemovals([removal], new Map())).toMatchObject([
    { version: { lastModifiedDate: 90, syncCount: 0 } },
  ]);
});
