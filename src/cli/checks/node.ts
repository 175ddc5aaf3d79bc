import type { Finding } from './finding.ts';

const OLDEST = 24;

export function checkNode(): Finding {
  const { version } = process;
  const major = Number(version.slice(1).split('.')[0]);
  if (major >= OLDEST) return { check: 'node', state: 'ok', detail: `Node ${version}` };
  const mend = 'npm install (brings Node 24 with it), then run through npm or npx';
  return { check: 'node', state: 'broken', detail: `Node ${version} is older than ${OLDEST}`, mend };
}
