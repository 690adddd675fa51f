// The whole way of an app with the files of docs/EXPO.md and hey-api's client. Prints one JSON object with what it saw.
import AsyncStorage from "@react-native-async-storage/async-storage";
import { AxiosError } from "axios";
import * as SecureStore from "expo-secure-store";
import {
  analyzeDream,
  getDevice,
  getDream,
  getMe,
  getQuota,
  listDreams,
  type AnalyzeDreamError,
  type TokenResponse,
} from "./api";
import { client } from "./api/client.gen";
import { zVideoStatusResponse } from "./api/zod.gen";
import { explain } from "./errors";
import { stableLink } from "./links";
import { filmDream, sendStored } from "./outbox";
import { onTapped, registerForPush, unregister } from "./push";
import { accessToken, keep, resume, signIn, signOut, signUp } from "./session";
import { listen, type VideoUpdated } from "./updates";
import { uploadImage } from "./upload";
import { finished } from "./video";

const PASSWORD = "Sleepy-Heads-1";
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const sockets: WebSocket[] = [];
const sent: string[] = [];
const users: string[] = [];
const locations: string[] = [];

async function main(): Promise<void> {
  const username = `expo-${Date.now().toString(36)}`;
  observe();
  const unauthenticated = await getMe();
  const signedUp = await signUp(`${username}@example.com`, PASSWORD, username);
  const since = new Date(Date.now() - 60_000).toISOString();
  const { data: me } = await getMe({ throwOnError: true });
  const refreshes = await expire();
  const pushed = [await registerForPush(username), await device(), await unregister(), await device()];
  await registerForPush(username);
  const tapped: string[] = [];
  onTapped((job_id) => tapped.push(job_id));

  const updates: VideoUpdated[] = [];
  const stop = listen(since, (update) => {
    if (update.type !== "video.updated") return;
    updates.push(update);
    // The connection breaks once: what happens until the next one comes by sync.
    if (sockets.length === 1) sockets[0]?.close();
  });
  loseOneAnswer();
  const film = await filmDream({ dream_text: "I was flying over a dark forest with twisted trees", duration: 6 });
  const video = zVideoStatusResponse.parse(await finished(film.job_id));
  await until(() => updates.some((each) => each.job_id === film.job_id && each.status === "completed"));
  stop();

  await uploadImage(film.dream_id, new Blob([Buffer.from(PIXEL, "base64")], { type: "image/png" }), "image/png");
  const { data: dream } = await getDream({ path: { dream_id: film.dream_id }, throwOnError: true });
  const { data: history } = await listDreams({ query: { limit: 10, category: "flight" }, throwOnError: true });
  const refused = await analyzeDream({ body: { dream_text: "short" } });
  const stored = await sendStored();
  await AsyncStorage.setItem("outbox.unsent", "{}");
  await signOut();
  const unsent = (await AsyncStorage.getAllKeys()).filter((name) => name.startsWith("outbox."));
  const resumed = await resume();
  await signIn(`${username}@example.com`, PASSWORD);
  pushed.push(await device());
  console.log(
    JSON.stringify({
      unauthenticated: unauthenticated.status,
      signedUp,
      users,
      me: me.id,
      refreshes,
      film,
      keys: sent,
      locations,
      video,
      reconnected: sockets.length,
      dream,
      history,
      refused: { status: refused.status, ...problem(refused.error) },
      explained: refused.error === undefined ? undefined : explain(refused.error),
      stored,
      unsent,
      pushed,
      tapped,
      links: links(video.job_id, video.video_url ?? ""),
      resumed,
      token: (await accessToken()).length > 100,
    }),
  );
  process.exit(0);
}

/** Notes whom the service has signed in, and where it says that the video is. */
function observe(): void {
  client.instance.interceptors.response.use((answer) => {
    const { user } = answer.data as Partial<TokenResponse>;
    if (user !== undefined) users.push(user.id);
    const location: unknown = answer.headers["location"];
    if (typeof location === "string") locations.push(location);
    return answer;
  });
}

// The type of an error is a union over everything that the route may answer: ours have a type, the gateway's do not.
function problem(error: AnalyzeDreamError | undefined): { type: string; places: string[] } {
  if (error === undefined || !("type" in error)) return { type: "none", places: [] };
  return { type: error.type, places: (error.errors ?? []).map((each) => each.loc.join(".")) };
}

/** Returns what the service has registered for this installation. */
async function device(): Promise<unknown> {
  const device_id = (await AsyncStorage.getItem("device_id")) ?? "";
  const { data, error } = await getDevice({ path: { device_id } });
  if (data !== undefined) return { platform: data.platform, locale: data.locale, push_token: data.push_token };
  return error !== undefined && "type" in error ? error.type : error;
}

/** Whether a link is kept while it is valid, and replaced afterwards. */
function links(job_id: string, url: string): boolean[] {
  const [expired, other] = [url.replace(/Expires=\d+/, "Expires=1600000000"), `${url}&other`];
  stableLink("expired", expired);
  return [stableLink(job_id, url) === url, stableLink(job_id, other) === url, stableLink("expired", other) === other];
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
