// The files of docs/EXPO.md, as an app uses them. Prints one JSON object with what it saw.
import { AxiosError } from "axios";
import * as SecureStore from "expo-secure-store";
import { analyzeDream, getDream, getMe, getQuota, listDreams } from "./api";
import { client } from "./api/client.gen";
import { zVideoStatusResponse } from "./api/zod.gen";
import { explain } from "./errors";
import { filmDream, sendStored } from "./outbox";
import { accessToken, keep, resume, signIn, signOut, signUp } from "./session";
import { listen, type VideoUpdated } from "./updates";
import { uploadImage } from "./upload";
import { finished } from "./video";

const PASSWORD = "Sleepy-Heads-1";
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const sockets: WebSocket[] = [];
const sent: string[] = [];

async function main(): Promise<void> {
  const username = `expo-${Date.now().toString(36)}`;
  const signedUp = await signUp(`${username}@example.com`, PASSWORD, username);
  const since = new Date(Date.now() - 60_000).toISOString();
  const refreshes = await expire();

  const updates: VideoUpdated[] = [];
  const stop = listen(since, (update) => {
    if (update.type !== "video.updated") return;
    updates.push(update);
    // The connection breaks once: what happens until the next one comes by sync.
    if (sockets.length === 1) sockets[0]?.close();
  });
  loseOneAnswer();
  const film = await filmDream({ dream_text: "I was flying over a dark forest with twisted trees", duration: 5 });
  const video = zVideoStatusResponse.parse(await finished(film.job_id));
  await until(() => updates.some((each) => each.job_id === film.job_id && each.status === "completed"));
  stop();

  await uploadImage(film.dream_id, new Blob([Buffer.from(PIXEL, "base64")], { type: "image/png" }), "image/png");
  const { data: dream } = await getDream({ path: { dream_id: film.dream_id }, throwOnError: true });
  const { data: history } = await listDreams({ throwOnError: true });
  const refused = await analyzeDream({ body: { dream_text: "short" } });
  const stored = await sendStored();
  await signOut();
  const resumed = await resume();
  await signIn(`${username}@example.com`, PASSWORD);
  console.log(
    JSON.stringify({
      signedUp,
      refreshes,
      film,
      keys: sent,
      video,
      reconnected: sockets.length,
      upload: dream.thumbnail_upload,
      history: history.dreams.map((each) => each.id),
      explained: refused.error === undefined ? undefined : explain(refused.error),
      stored,
      resumed,
      token: (await accessToken()).length > 100,
    }),
  );
  process.exit(0);
}

/** Lets the service reject the access token of five requests at once, and returns how many refreshes followed. */
async function expire(): Promise<number> {
  const refresh_token = (await SecureStore.getItemAsync("refresh_token")) ?? "";
  const user = { id: "", email: "", username: "" };
  await keep({ access_token: "expired", refresh_token, token_type: "bearer", expires_in: 3600, user });
  let refreshes = 0;
  const counting = client.instance.interceptors.request.use((config) => {
    refreshes += config.url?.endsWith("/auth/refresh") ? 1 : 0;
    return config;
  });
  const answers = await Promise.all([getMe(), getQuota(), listDreams(), getMe(), getQuota()]);
  client.instance.interceptors.request.eject(counting);
  if (answers.some((each) => each.data === undefined)) throw new Error("a request was not repeated");
  return refreshes;
}

/** Lets the network lose the first answer to a new dream. */
function loseOneAnswer(): void {
  client.instance.interceptors.response.use((answer) => {
    const key = answer.config.headers.get("Idempotency-Key");
    if (typeof key === "string") sent.push(key);
    if (sent.length === 1) throw new AxiosError("Network Error", AxiosError.ERR_NETWORK, answer.config);
    return answer;
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 100));
}

const Native = globalThis.WebSocket;
globalThis.WebSocket = class extends Native {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    sockets.push(this);
  }
};

void main();
