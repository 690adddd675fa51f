// The function through which orval's client sends: its generated calls of axios do not fit the types of axios 1.21.
import axios, { type AxiosRequestConfig } from "axios";

const instance = axios.create();

export async function request<T>(config: AxiosRequestConfig): Promise<T> {
  return (await instance.request<T>(config)).data;
}
