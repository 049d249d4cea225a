/** The console's icons, drawn with lines of one width. All are decoration: words stand beside them. */
const PATHS = {
  feed: 'M4 6h16M4 12h10M4 18h13',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM20 20l-4-4',
  trail: 'M6 4v16M6 7h0M10 7h9M10 12h6M10 17h8',
  health: 'M3 12h4l3-7 4 14 3-7h4',
  explorer: 'M8 7l-5 5 5 5M16 7l5 5-5 5',
  leave: 'M14 4h4a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-4M9 16l-4-4 4-4M5 12h10',
  close: 'M6 6l12 12M18 6L6 18',
  down: 'M6 9l6 6 6-6',
  up: 'M12 19V5M6 11l6-6 6 6',
  download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  comment: 'M5 5h14a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-8l-4 4v-4H5a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1Z',
  agent: 'M12 3v3M6 8a2 2 0 0 1 2-2h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H8a2 2 0 0 1-2-2V8ZM3 11v3M21 11v3M10 11v2M14 11v2',
  service: 'M5 5h14v5H5zM5 14h14v5H5zM8 7.5h0M8 16.5h0',
  system: 'M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM12 3v3M12 18v3M3 12h3M18 12h3M6 6l2 2M16 16l2 2M6 18l2-2M16 8l2-2',
  link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1',
  alert: 'M12 4l9 16H3L12 4ZM12 10v4M12 17h0',
  lock: 'M6 11h12v9H6zM8 11V8a4 4 0 0 1 8 0v3',
  inbox: 'M4 13l3-8h10l3 8v6H4v-6ZM4 13h5l1 2h4l1-2h5',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.75"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="logo" width="28" height="28" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" class="logo-ground" />
      <path d="M9 8v16" class="logo-line" />
      <circle cx="9" cy="9" r="3" fill="#fff" />
      <circle cx="9" cy="16" r="3" fill="#99f6e4" />
      <circle cx="9" cy="23" r="3" fill="#fff" />
      <path d="M15 9h9M15 16h6M15 23h8" stroke="#fff" stroke-width="2.5" stroke-linecap="round" />
    </svg>
  );
}
