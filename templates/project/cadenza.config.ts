import { defineCadenza } from 'cadenza/config';

/** Without keys, simulated models answer, always labelled `sandbox/...`. Name real ones here once there are keys in `.env`. */
export default defineCadenza({
  aliases: { writer: 'sandbox/gpt', critic: 'sandbox/claude' },
  policies: {
    default: { candidates: ['writer', 'critic'], patience: '10 minutes' },
  },
  workflows: { briefing: { taskQueue: 'briefings' } },
});
