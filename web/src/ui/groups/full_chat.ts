import { createResource, onCleanup } from "solid-js";
import type { Chat } from "../../contract";
import { ask, listen } from "../../state/bridge";

/** A chat with its members, as the server has it, kept right as long as the component lives. */
export function useFullChat(chatId: string) {
  const [chat, { mutate, refetch }] = createResource<Chat | undefined>(() => ask("chat", { chatId }), {
    initialValue: undefined,
  });
  onCleanup(
    listen((notice) => {
      if (notice.kind === "chat" && notice.chat.id === chatId) mutate(notice.chat);
    }),
  );
  return { chat, mutate, refetch: () => void refetch() };
}
