// What a client asks for, per type: names, everything, or both. Pure: requests go in, the names
// whose answer is now owed come out. xDS protocol, "How the client specifies what resources to
// return".

export interface Subscription {
  wildcard: boolean;
  readonly names: Set<string>;
  /** A request for this type was seen on this stream. */
  begun: boolean;
  /** A name or "*" was seen, so an empty list no longer means everything. */
  hasNamed: boolean;
}

export interface SubscriptionChange {
  /** Names to answer whatever was sent before. */
  readonly asked: string[];
  /** Names the client forgets. */
  readonly dropped: string[];
  readonly wildcardBegan: boolean;
  readonly wildcardEnded: boolean;
}

export function openSubscription(): Subscription {
  return { wildcard: false, names: new Set(), begun: false, hasNamed: false };
}

export function isInterested(subscription: Subscription, name: string): boolean {
  return subscription.wildcard || subscription.names.has(name);
}

/** Delta: lists are changes to the subscription. */
export function subscribeDelta(
  subscription: Subscription,
  hasWildcard: boolean,
  subscribe: readonly string[],
  unsubscribe: readonly string[],
): SubscriptionChange {
  const isFirst = !subscription.begun;
  const hadWildcard = subscription.wildcard;
  subscription.begun = true;
  if (isFirst && subscribe.length === 0 && hasWildcard) subscription.wildcard = true;
  const asked = new Set<string>();
  const dropped: string[] = [];
  for (const name of subscribe) {
    subscription.hasNamed = true;
    if (name === "*" && hasWildcard) subscription.wildcard = true;
    else {
      subscription.names.add(name);
      asked.add(name);
    }
  }
  for (const name of unsubscribe) {
    if (name === "*" && hasWildcard) subscription.wildcard = false;
    else if (subscription.names.delete(name)) {
      asked.delete(name);
      dropped.push(name);
    }
  }
  // A name given up while "*" stays is answered once more: the client cannot tell by itself
  // whether it still has the resource.
  const lost = subscription.wildcard ? [] : dropped;
  if (subscription.wildcard) for (const name of dropped) asked.add(name);
  return {
    asked: [...asked],
    dropped: lost,
    wildcardBegan: subscription.wildcard && !hadWildcard,
    wildcardEnded: hadWildcard && !subscription.wildcard,
  };
}

/** State of the world: every list is the whole subscription. */
export function subscribeSotw(
  subscription: Subscription,
  hasWildcard: boolean,
  names: readonly string[],
): SubscriptionChange {
  const hadWildcard = subscription.wildcard;
  subscription.begun = true;
  const wanted = new Set(names);
  const hasStar = hasWildcard && wanted.delete("*");
  if (names.length > 0) subscription.hasNamed = true;
  subscription.wildcard = hasStar || (hasWildcard && !subscription.hasNamed);
  const asked: string[] = [];
  const dropped: string[] = [];
  for (const name of subscription.names) {
    if (wanted.has(name)) continue;
    subscription.names.delete(name);
    if (!subscription.wildcard) dropped.push(name);
  }
  for (const name of wanted) {
    if (subscription.names.has(name)) continue;
    subscription.names.add(name);
    asked.push(name);
  }
  return {
    asked,
    dropped,
    wildcardBegan: subscription.wildcard && !hadWildcard,
    wildcardEnded: hadWildcard && !subscription.wildcard,
  };
}
