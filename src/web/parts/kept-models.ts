const keptAs = (where: string) => `cadenza.models.${where}`;

/** The models asked last on this device, at a place of the page. */
export function keptModels(where: 'compare' | 'chat'): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(keptAs(where)) ?? '[]');
    return Array.isArray(kept) ? kept.filter((one) => typeof one === 'string') : [];
  } catch {
    return [];
  }
}

export function keepModels(where: 'compare' | 'chat', models: string[]): void {
  localStorage.setItem(keptAs(where), JSON.stringify(models));
}
