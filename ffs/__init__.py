"""The Flickr Faves Score: photos with views and faves, and a virtual rater trained on them."""
