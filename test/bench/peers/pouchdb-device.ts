import { type Connection, jsonRequest } from './connection.ts';
import { type Device, perDataset, RECORDS, recordKeys } from './device.ts';

/** Creates a device of PouchDB Server. A user has a database, and a record is a document. */
export async function createPouchDbDevice({ send }: Connection, name: string): Promise<Device> {
  const database = `/user-${name}`;
  await send(jsonRequest('PUT', database));
  let pushes = 0;

  return {
    async preparePushes() {
      pushes += 1;
      return perDataset(async (dataset) => {
        const keys = recordKeys().map((key) => `${dataset}-${key}`);
        const listed = await send(jsonRequest('POST', `${database}/_all_docs`, { keys }));
        const rows: { value?: { rev: string } }[] = JSON.parse(listed).rows;
        const docs = keys.map((_id, index) => {
          const rev = rows[index]?.value?.rev;
          return { _id, ...(rev !== undefined && { _rev: rev }), value: `value ${pushes}` };
        });
        return jsonRequest('POST', `${database}/_bulk_docs`, { docs });
      });
    },
    async preparePulls() {
      const { update_seq } = JSON.parse(await send(jsonRequest('GET', database)));
      const query = { since: String(update_seq - RECORDS), include_docs: 'true', limit: String(RECORDS) };
      return perDataset(async () => jsonRequest('GET', `${database}/_changes?${new URLSearchParams(query)}`));
    },
    countWritten: (response) => JSON.parse(response).filter(({ ok }: { ok?: boolean }) => ok).length,
    countRead: (response) =>
      JSON.parse(response).results.filter(({ doc }: { doc?: object }) => doc !== undefined).length,
  };
}
