import { useChat } from '@ai-sdk/react';
import {
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
  type UIMessage,
} from 'ai';
import { cadenzaChat } from 'cadenza/ai-sdk';
import { createElement as h, StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

/** What of a browser the app uses. */
const { document, localStorage, location } = globalThis as unknown as {
  document: { getElementById(id: string): never };
  localStorage: { getItem(key: string): string | null; setItem(key: string, value: string): void };
  location: { search: string };
};

const query = new URLSearchParams(location.search);
const id = query.get('chat') ?? 'chat';
const transport = cadenzaChat({
  ...(query.get('mode') === 'conversation' ? { conversation: {} } : { agent: query.get('agent') ?? 'default' }),
  tools: [{ name: 'where_am_i', description: 'Where the user is', parameters: { type: 'object', properties: {} } }],
});

function Chat() {
  const [saved] = useState(() => JSON.parse(localStorage.getItem(`saved:${id}`) ?? '[]') as UIMessage[]);
  const { messages, sendMessage, status, stop, error, addToolApprovalResponse, addToolOutput } = useChat({
    id,
    transport,
    messages: saved,
    resume: true,
    sendAutomaticallyWhen: (chat) =>
      lastAssistantMessageIsCompleteWithApprovalResponses(chat) || lastAssistantMessageIsCompleteWithToolCalls(chat),
    onToolCall({ toolCall }) {
      if (toolCall.toolName !== 'where_am_i' || query.has('silent')) return;
      void addToolOutput({ tool: 'where_am_i', toolCallId: toolCall.toolCallId, output: { city: 'Bern' } } as never);
    },
  });
  useEffect(() => localStorage.setItem(`saved:${id}`, JSON.stringify(messages)), [messages]);

  return h(
    'main',
    null,
    h('p', { id: 'status' }, status),
    h('p', { id: 'error' }, error?.message ?? ''),
    ...messages.map((message) =>
      h(
        'article',
        { key: message.id, 'data-role': message.role },
        ...message.parts.map((part, nth) => shown(part, nth)),
      ),
    ),
    h(
      'form',
      {
        onSubmit(event: { preventDefault(): void; currentTarget: unknown }) {
          event.preventDefault();
          const { text } = event.currentTarget as { text: { value: string } };
          void sendMessage({ text: text.value });
          text.value = '';
        },
      },
      h('input', { name: 'text', 'aria-label': 'Message' }),
      h('button', { type: 'submit' }, 'Send'),
      h('button', { type: 'button', onClick: () => void stop() }, 'Stop'),
    ),
  );

  function shown(part: UIMessage['parts'][number], key: number) {
    if (part.type === 'text') return h('p', { key, className: 'text' }, part.text);
    if (part.type === 'reasoning') return h('p', { key, className: 'reasoning' }, part.text);
    if (!isToolUIPart(part)) return null;
    const { approval } = part;
    const answer = (approved: boolean) => () => void addToolApprovalResponse({ id: approval!.id, approved });
    return h(
      'section',
      { key, className: 'tool', 'data-state': part.state },
      h(
        'code',
        null,
        `${part.type} ${JSON.stringify(part.input)} ${JSON.stringify(part.output ?? part.errorText ?? '')}`,
      ),
      part.state === 'approval-requested' && h('button', { type: 'button', onClick: answer(true) }, 'Approve'),
      part.state === 'approval-requested' && h('button', { type: 'button', onClick: answer(false) }, 'Deny'),
    );
  }
}

createRoot(document.getElementById('root')).render(h(StrictMode, null, h(Chat)));
