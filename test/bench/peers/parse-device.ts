import { type Connection, type HttpRequest, jsonRequest } from './connection.ts';
import { type Device, perDataset, RECORDS, recordKeys } from './device.ts';

export const APPLICATION_ID = 'bench';
export const MASTER_KEY = 'bench-master';
const HEADERS = { 'x-parse-application-id': APPLICATION_ID };
const CLASS = 'Record';

/** Creates the class of the records, with an index for the pulls. */
export async function createParseClass({ send }: Connection): Promise<void> {
  const type = { type: 'String' };
  const schema = {
    className: CLASS,
    fields: { dataset: type, key: type, value: type },
    indexes: { by_dataset: { dataset: 1 } },
  };
  const headers = { ...HEADERS, 'x-parse-master-key': MASTER_KEY };
  await send(jsonRequest('POST', `/parse/schemas/${CLASS}`, schema, headers));
}

/** Creates a device of Parse Server. A record is an object, and a push is a batch of requests. */
export function createParseDevice({ send }: Connection, name: string): Device {
  /** The ids of the objects of each dataset. */
  const ids = new Map<string, string[]>();
  let pushes = 0;

  const batch = (requests: unknown[]): HttpRequest =>
    jsonRequest('POST', '/parse/batch', { requests }, HEADERS);

  async function findIds(dataset: string): Promise<string[]> {
    const known = ids.get(dataset);
    if (known !== undefined) return known;
    const requests = recordKeys().map((key) => ({
      method: 'POST',
      path: `/parse/classes/${CLASS}`,
      body: { dataset: `${name}-${dataset}`, key, value: 'new' },
    }));
    const created: { success: { objectId: string } }[] = JSON.parse(await send(batch(requests)));
    const added = created.map(({ success }) => success.objectId);
    ids.set(dataset, added);
    return added;
  }

  return {
    async preparePushes() {
      pushes += 1;
      return perDataset(async (dataset) =>
        batch(
          (await findIds(dataset)).map((id) => ({
            method: 'PUT',
            path: `/parse/classes/${CLASS}/${id}`,
            body: { value: `value ${pushes}` },
          })),
        ),
      );
    },
    preparePulls: () =>
      perDataset(async (dataset) => {
        const changed = { $gt: { __type: 'Date', iso: '2020-01-01T00:00:00.000Z' } };
        const where = JSON.stringify({ dataset: `${name}-${dataset}`, updatedAt: changed });
        const query = new URLSearchParams({ where, limit: String(RECORDS) });
        return jsonRequest('GET', `/parse/classes/${CLASS}?${query}`, undefined, HEADERS);
      }),
    countWritten: (response) => JSON.parse(response).filter((result: object) => 'success' in result).length,
    countRead: (response) => JSON.parse(response).results.length,
  };
}
