"""What a recording's bytes are: H.264 in NAL units, ONVIF Media Signing in SEIs, fragmented MP4, and the digests of a segment's content.

Pure: bytes and times in, bytes out. Written on the badge and read again at the center, by the same description of each format.
"""
