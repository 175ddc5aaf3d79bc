import { signal } from '@preact/signals';
import { keepModels, keptModels } from '../parts/kept-models.ts';
import { RecentRuns } from '../parts/recent-runs.tsx';
import { go, type PageProps } from '../shell/router.ts';
import { ChatRoom } from './chat-room.tsx';
import { type Partner, recentChats, startChat } from './chats.ts';
import { ChatComposer } from './composer.tsx';
import { PartnerPicker } from './partner-picker.tsx';

/** With whom one talks next. */
const partner = signal<Partner>({ model: keptModels('chat')[0], tools: [] });

/** `/chat` begins one; `/chat/<id>` goes on with it. */
export function Page({ place }: PageProps) {
  const id = place.parts[1];
  if (id !== undefined) return <ChatRoom key={id} id={id} />;
  return (
    <div class="page ask">
      <h1>Talk with a model or an agent</h1>
      <div class="composer panel">
        <ChatComposer placeholder="Say something" onSend={begin} />
        <PartnerPicker partner={partner.value} onChange={choose} />
      </div>
      <RecentRuns load={recentChats} pathOf={(one) => `/chat/${encodeURIComponent(one)}`} />
    </div>
  );
}

function choose(next: Partner): void {
  partner.value = next;
  if (next.model !== undefined) keepModels('chat', [next.model]);
}

async function begin(text: string): Promise<void> {
  const id = await startChat(partner.value, text);
  go(`/chat/${encodeURIComponent(id)}`);
}
