"""The Flickr Faves Score: a virtual rater trained on faves per view. Not built yet."""
