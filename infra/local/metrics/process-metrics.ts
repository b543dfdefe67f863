import { readdirSync } from 'node:fs';
import type { Metric } from './format-metrics.ts';

/**
 * Returns metrics of this process, with the names that Prometheus's own client libraries use. The Kinesis emulator is
 * another process, so its memory and processor time are not included.
 */
export function processMetrics(): Metric[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  const metrics: Metric[] = [
    {
      name: 'process_cpu_seconds_total',
      type: 'counter',
      help: 'Processor time of all threads of the process.',
      samples: [{ value: (user + system) / 1e6 }],
    },
    {
      name: 'process_resident_memory_bytes',
      type: 'gauge',
      help: 'Memory of the process.',
      samples: [{ value: rss }],
    },
    {
      name: 'process_start_time_seconds',
      type: 'gauge',
      help: 'Start of the process, in seconds since 1970.',
      samples: [{ value: performance.timeOrigin / 1_000 }],
    },
    {
      name: 'process_open_fds',
      type: 'gauge',
      help: 'Open files and sockets of the process; only on Linux.',
      samples: openFiles(),
    },
    {
      name: 'nodejs_heap_size_used_bytes',
      type: 'gauge',
      help: 'Used JavaScript heap of the main thread.',
      samples: [{ value: heapUsed }],
    },
    {
      name: 'nodejs_eventloop_active_seconds_total',
      type: 'counter',
      help: 'Time in which the main thread worked. If it grows by one second per second, the thread is fully used.',
      samples: [{ value: performance.eventLoopUtilization().active / 1_000 }],
    },
  ];
  return metrics;
}

function openFiles(): Metric['samples'] {
  try {
    return [{ value: readdirSync('/proc/self/fd').length }];
  } catch {
    return [];
  }
}
