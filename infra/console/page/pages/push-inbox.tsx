import { useEffect, useState } from 'preact/hooks';
import { formatJson } from '../../../../lib/common/format-json.ts';
import { getJson } from '../api.ts';
import { freshness } from '../connection.ts';
import { plural } from '../format.ts';
import { Preformatted } from '../parts/preformatted.tsx';
import { curl, Snippets } from '../parts/snippets.tsx';
import { Empty, LoadState } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { linkTo, route } from '../router.ts';
import { useLoad } from '../use-load.ts';

interface Inbox {
  devices: { deviceId: string; messages: number }[];
}

interface Message {
  id: string;
  text: string;
}

const MAX_SHOWN = 100;

export function PushInbox() {
  const deviceId = route.value.params.get('device') ?? '';
  const inbox = useLoad('inbox', (signal) => getJson<Inbox>('/push', signal));
  const devices = inbox.data?.devices;
  return (
    <>
      <LoadState of={inbox} />
      {devices?.length === 0 && (
        <Empty>
          <strong>No message yet.</strong> A device receives messages after it has called RegisterDevice and
          SubscribeToDataset, when another device changes the dataset.
        </Empty>
      )}
      {devices && devices.length > 0 && (
        <div class="browse two">
          <section class="column" aria-label="Devices">
            <h2>Devices</h2>
            <ul class="choices">
              {devices.map((device) => (
                <li key={device.deviceId}>
                  <a
                    href={linkTo('push', { device: device.deviceId })}
                    aria-current={device.deviceId === deviceId ? 'true' : undefined}
                  >
                    <code>
                      <Text text={device.deviceId} />
                    </code>
                    <small>{plural(device.messages, 'message')}</small>
                  </a>
                </li>
              ))}
            </ul>
          </section>
          <section class="column main" aria-label="Messages">
            <h2>Messages</h2>
            {deviceId === '' ? (
              <p class="quiet">Choose a device.</p>
            ) : (
              <Messages key={deviceId} deviceId={deviceId} />
            )}
          </section>
        </div>
      )}
      <Snippets
        of={[
          curl('/push'),
          {
            title: 'Messages of a device, as they arrive',
            code: `curl -sN ${location.origin}/push/${deviceId || '<device id>'}`,
          },
        ]}
      />
    </>
  );
}

/** Shows the messages of a device as they arrive, newest first. */
function Messages({ deviceId }: { deviceId: string }) {
  const [messages, setMessages] = useState<readonly Message[]>([]);
  useEffect(() => {
    const source = new EventSource(`/push/${encodeURIComponent(deviceId)}`);
    source.addEventListener('push', ({ data, lastEventId }: MessageEvent<string>) => {
      setMessages((before) =>
        before.some(({ id }) => id === lastEventId)
          ? before
          : [{ id: lastEventId, text: data }, ...before].slice(0, MAX_SHOWN),
      );
      freshness.value += 1;
    });
    return () => source.close();
  }, [deviceId]);
  if (messages.length === 0) return <p class="quiet">No message is stored for this device.</p>;
  return (
    <ol class="messages">
      {messages.map(({ id, text }) => (
        <li key={id}>
          <Preformatted text={formatJson(text)} />
        </li>
      ))}
    </ol>
  );
}
